"""A FastAPI service; pydantic's core is a compiled wheel."""

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field

app = FastAPI(title="notes")
notes: dict[int, "Note"] = {}


class Note(BaseModel):
    title: str = Field(min_length=1, max_length=80)
    tags: list[str] = []


@app.get("/")
def index():
    return {"notes": len(notes)}


@app.post("/notes", status_code=201)
def add(note: Note):
    number = len(notes) + 1
    notes[number] = note
    return {"id": number, **note.model_dump()}


@app.get("/notes/{number}")
def get(number: int):
    if number not in notes:
        raise HTTPException(404, "no such note")
    return notes[number]
