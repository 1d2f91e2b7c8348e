"""One module for each section of the page: it turns results rows into what its template prints."""
