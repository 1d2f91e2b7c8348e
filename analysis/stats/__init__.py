"""Statistics: values in, one long results table out. Heavy libraries are imported where they are used."""
