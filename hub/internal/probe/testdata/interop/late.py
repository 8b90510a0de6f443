"""A model that loads until a file appears."""

import asyncio
import pathlib

from mlserver import MLModel


class Late(MLModel):
    async def load(self) -> bool:
        gate = pathlib.Path(self.settings.parameters.uri)
        while not gate.exists():
            await asyncio.sleep(0.05)
        return True
