"""The base of all models of the configuration."""

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """Immutable, and a key nobody reads is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)
