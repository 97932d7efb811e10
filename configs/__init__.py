"""Configuration files: one TOML an experiment."""
