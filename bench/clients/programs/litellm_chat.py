import json

import litellm

from read_file import *

litellm.telemetry = False
TOOLS = [{"type": "function", "function": {"name": "read_file", "description": DESCRIPTION, "parameters": PARAMETERS}}]
PROVIDER, BASE = ("anthropic", URL) if DIALECT == "messages" else ("openai", f"{URL}/v1")

messages = [{"role": "user", "content": QUESTION}]
if SCENARIO == "image":
    image = {"url": f"data:image/png;base64,{picture()}"}
    messages = [{"role": "user", "content": [{"type": "text", "text": QUESTION}, {"type": "image_url", "image_url": image}]}]
try:
    for turn in range(4):
        answer = litellm.completion(
            model=f"{PROVIDER}/{model_of(turn)}", messages=messages, tools=TOOLS, api_base=BASE, api_key=TOKEN, num_retries=0
        )
        message = answer.choices[0].message
        messages.append(message.model_dump())
        print(message.content)
        for call in message.tool_calls or []:
            result = read_file(**json.loads(call.function.arguments))
            messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
        if not message.tool_calls:
            if SCENARIO != "switch" or turn > 1:
                break
            messages.append({"role": "user", "content": SECOND_QUESTION})
except litellm.ContextWindowExceededError:
    if SCENARIO != "overflow":
        raise
    print(UNDERSTOOD)
