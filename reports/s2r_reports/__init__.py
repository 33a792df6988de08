"""From records to tables, figures and pages; nothing here computes a score."""
