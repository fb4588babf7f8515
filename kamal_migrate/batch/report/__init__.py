"""What is to be done in all repositories of a campaign, or was: as text, JSON, Markdown and a page."""

# Stands near the beginning of each report in a file, so that another may take its place.
MADE_BY = "kamal-migrate batch report"
