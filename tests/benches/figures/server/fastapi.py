"""The same tool as the benchmark's guest, with the same envelope, by FastAPI."""

import itertools

from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()
calls = itertools.count()


class Params(BaseModel):
    text: str


class Call(BaseModel):
    action: str
    params: Params
    session: str | None = None


@app.post("/v1/execute")
async def execute(call: Call):
    count = next(calls)
    return {
        "request_id": f"req_{count:024x}",
        "action": call.action,
        "session": {"id": call.session, "name": "default", "temporary": False, "call": count},
        "result": call.params.text,
        "is_error": False,
        "usage": {"duration_us": 12, "queue_us": 0, "memory_bytes": 1179648, "host_calls": 0},
    }
