"""Inline SVG figures: geometry from results rows, colours as presentation attributes that the page's CSS overrides."""
