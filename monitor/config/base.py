"""What all options have in common."""

from pydantic import BaseModel, ConfigDict


class Options(BaseModel):
    """Options that are all known by name and never change once they are read."""

    model_config = ConfigDict(extra="forbid", frozen=True)
