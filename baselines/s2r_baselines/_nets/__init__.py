"""Networks that several simulators share."""
