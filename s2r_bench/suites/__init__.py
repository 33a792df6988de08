"""Built-in suites: one YAML file each."""
