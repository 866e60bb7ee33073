"""Deploying: what is asked, checked, shown and done, on AWS and on this machine."""
