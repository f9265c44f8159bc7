from langchain_anthropic import ChatAnthropic
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI

from read_file import *

tools = [tool(read_file)]


def chat_model(name: str):
    if DIALECT == "messages":
        return ChatAnthropic(model=name, base_url=URL, api_key=TOKEN, max_tokens=4000, max_retries=0)
    responses = DIALECT == "responses"
    return ChatOpenAI(model=name, base_url=f"{URL}/v1", api_key=TOKEN, max_retries=0, use_responses_api=responses)


content = QUESTION
if SCENARIO == "image":
    image = {"type": "image", "base64": picture(), "mime_type": "image/png"}
    content = [{"type": "text", "text": QUESTION}, image]
messages = [HumanMessage(content)]
for turn in range(4):
    answer = chat_model(model_of(turn)).bind_tools(tools).invoke(messages)
    messages.append(answer)
    print(answer.text)
    for call in answer.tool_calls:
        messages.append(ToolMessage(read_file(**call["args"]), tool_call_id=call["id"]))
    if not answer.tool_calls:
        if SCENARIO != "switch" or turn > 1:
            break
        messages.append(HumanMessage(SECOND_QUESTION))
