"""What the rows of refused configs have in common."""

from __future__ import annotations

from kamal_migrate.diagnosing.cause import Cause, Sign, Way

# The ends of what names an error: as Kamal prints it, and as Ruby does where nothing catches it.
KIND, NAMED, RAISED = "refused-config", "Error): ", "Error)"
# Up to 1.6.0 such errors are Ruby's own.
ERRORS = "(?:Kamal::ConfigurationError|ArgumentError)"
_ERROR = ERRORS + r"\): (?:Exception while executing .*?: )?"
ALL = Way("see everything that is refused, with line and column", "kamal-migrate check")
STRICT, TWO = "1.7.0 and newer", "2.0.0 and newer"


def raised(message: str, errors: str = ERRORS) -> str:
    """The line in which Ruby itself shows an error: its place, the message, and the name of the error."""
    return rf":in [`'][^']*': {message}.*\({errors}\)"


def refused(
    id: str,
    title: str,
    message: str,
    why: str,
    versions: str,
    way: str,
    codemod: str = "",
) -> Cause:
    """A row: ``message`` is a regular expression over what follows the name of the error."""
    signs = (Sign(NAMED, _ERROR + message), Sign(RAISED, raised(message)))
    return Cause(f"{KIND}/{id}", title, signs, why, versions, (Way(way), ALL), codemod)
