"""What all options have in common."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, PlainSerializer, SecretStr, SerializationInfo

REVEALED = (
    "revealed"  # context of a serialization that has the secrets: for another process of ours
)


class Options(BaseModel):
    """Options that are all known by name and never change once they are read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _written(secret: SecretStr, info: SerializationInfo) -> str:
    return secret.get_secret_value() if info.context == REVEALED else str(secret)


# A password, a token, or what holds one: nothing prints it.
Secret = Annotated[SecretStr, PlainSerializer(_written, when_used="json")]
