"""What all our pages are made with: templates under a strict policy, numbers as text, words and signs of a status."""
