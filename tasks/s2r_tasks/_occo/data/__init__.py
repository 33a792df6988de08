"""What the OcCo tasks learn from and are scored on: few-shot episodes, and how many labels of S3DIS may be seen."""
