"""Running, checking and explaining one ViewDefinition: what stands behind ``bedside view``."""
