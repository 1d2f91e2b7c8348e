"""FHIRPath as the shareable ViewDefinition profile needs it: text → tree → tree with types."""
