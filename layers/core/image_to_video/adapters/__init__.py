"""One outside system each: A2E, DynamoDB tables, S3, Step Functions, SNS, downloads."""
