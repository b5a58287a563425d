def say():
    return "good morning"
