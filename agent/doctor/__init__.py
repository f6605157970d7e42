"""What can be wrong with an installation, looked for: docs/doctor.md. Begin with `check`, then `checks`."""
