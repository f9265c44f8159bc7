import json
import sys

from openai import BadRequestError, OpenAI

from read_file import *

client = OpenAI(base_url=f"{URL}/v1", api_key=TOKEN, max_retries=0)
TOOLS = [{"type": "function", "function": {"name": "read_file", "description": DESCRIPTION, "parameters": PARAMETERS}}]


def converse():
    content = QUESTION
    if SCENARIO == "image":
        image = {"url": f"data:image/png;base64,{picture()}"}
        content = [{"type": "text", "text": QUESTION}, {"type": "image_url", "image_url": image}]
    messages = [{"role": "user", "content": content}]
    for turn in range(4):
        if SCENARIO == "cancel":
            stream = client.chat.completions.create(model=MODEL, messages=messages, stream=True)
            next(iter(stream))
            stream.close()
            sys.exit()
        message = client.chat.completions.create(model=model_of(turn), messages=messages, tools=TOOLS).choices[0].message
        messages.append(message)
        print(message.content)
        for call in message.tool_calls or []:
            result = read_file(**json.loads(call.function.arguments))
            messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
        if not message.tool_calls:
            if SCENARIO != "switch" or turn > 1:
                break
            messages.append({"role": "user", "content": SECOND_QUESTION})


try:
    if SCENARIO == "models":
        if any(model.id == MODEL for model in client.models.list()):
            print(UNDERSTOOD)
    else:
        converse()
except BadRequestError as error:
    if SCENARIO != "overflow" or error.code != "context_length_exceeded":
        raise
    print(UNDERSTOOD)
