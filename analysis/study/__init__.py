"""The study definition: one TOML file, read as a whole, frozen, unknown keys refused."""
