"""What callers and subscribers are promised: requests, responses, events, errors, documents."""
