"""Our own documents against the JSON Schemas in the package."""

from importlib.resources import files

import msgspec
import referencing

from parity_eval.errors import InputError
from parity_eval.records import JsonObject


def check(document: JsonObject, schema: str, where: str) -> None:
    """Hold a document against one of our schemas.

    Args:
        document: The document.
        schema: File name of the schema, such as `manifest.v1.json`.
        where: What the document is, for the message.

    Raises:
        InputError: names the place in the document and what is wrong there.
    """
    import jsonschema  # noqa: PLC0415 - slow to import

    text = (files("parity_eval.schemas") / schema).read_text(encoding="utf-8")
    validator = jsonschema.Draft202012Validator(
        msgspec.json.decode(text), registry=referencing.Registry()
    )
    for error in validator.iter_errors(document):
        raise InputError(f"{where}: {error.json_path}: {error.message[:300]}")
