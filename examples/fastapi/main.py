"""A FastAPI service; pydantic's core is a compiled wheel."""

import asyncio
import datetime

from fastapi import BackgroundTasks, FastAPI, HTTPException, UploadFile, WebSocket
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

app = FastAPI(title="notes")
notes: dict[int, "Note"] = {}


class Note(BaseModel):
    title: str = Field(min_length=1, max_length=80)
    tags: list[str] = []
    due: datetime.datetime | None = None


@app.get("/")
def index():
    return {"notes": len(notes)}


@app.post("/notes", status_code=201)
def add(note: Note, later: BackgroundTasks):
    number = len(notes) + 1
    notes[number] = note
    later.add_task(print, f"note {number} was kept", flush=True)
    return {"id": number, **note.model_dump()}


@app.get("/notes/{number}")
def get(number: int):
    if number not in notes:
        raise HTTPException(404, "no such note")
    return notes[number]


@app.post("/import")
async def load(file: UploadFile):
    """Takes a text file with a title on each line."""
    titles = (await file.read()).decode().splitlines()
    return {"file": file.filename, "notes": [Note(title=t) for t in titles]}


@app.get("/stream")
def stream(count: int = 3):
    async def lines():
        for number in range(count):
            yield f"line {number}\n"
            await asyncio.sleep(0.01)

    return StreamingResponse(lines(), media_type="text/plain")


@app.websocket("/echo")
async def echo(socket: WebSocket):
    await socket.accept()
    async for text in socket.iter_text():
        await socket.send_text(text.upper())


@app.get("/crash")
def crash():
    raise RuntimeError("the kettle is empty")
