import base64
import os
import sys

DIALECT, SCENARIO = sys.argv[1:3]
URL, TOKEN = os.environ["MCPCTL_URL"], os.environ["MCPCTL_TOKEN"]
MODEL, OTHER_MODEL, QUESTION = (os.environ[name] for name in ("MODEL", "OTHER_MODEL", "QUESTION"))
SECOND_QUESTION = "And for the second-question: the sum?"
# The word that the harness looks for, where an error has the meaning that a client acts on.
UNDERSTOOD = "forty-two-is-the-answer"

DESCRIPTION = "Reads a file"
PARAMETERS = {
    "type": "object",
    "properties": {"path": {"type": "string"}},
    "required": ["path"],
    "additionalProperties": False,
}


def read_file(path: str) -> str:
    """Reads a file"""
    with open(path) as file:
        return file.read()


def picture() -> str:
    with open("picture.png", "rb") as file:
        return base64.b64encode(file.read()).decode()


def model_of(turn: int) -> str:
    """The model of a turn: after the first answer of the scenario `switch`, the other one."""
    return OTHER_MODEL if SCENARIO == "switch" and turn > 0 else MODEL
