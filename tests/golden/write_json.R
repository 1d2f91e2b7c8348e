# Writes R lists as JSON (base R has no writer): named lists become objects, vectors arrays, NA and infinite null.
number <- function(v) if (is.na(v) || !is.finite(v)) "null" else sprintf("%.16g", as.numeric(v))
json <- function(x) {
  if (is.list(x)) {
    parts <- vapply(x, json, "")
    if (is.null(names(x))) return(paste0("[", paste(parts, collapse = ",\n"), "]"))
    return(paste0("{", paste0('"', names(x), '": ', parts, collapse = ",\n"), "}"))
  }
  text <- if (is.character(x)) paste0('"', x, '"') else vapply(x, number, "", USE.NAMES = FALSE)
  paste0("[", paste(text, collapse = ", "), "]")
}
versions <- function(...) c(list(R = as.character(getRversion())),
                            sapply(c(...), function(p) as.character(packageVersion(p)), simplify = FALSE))
