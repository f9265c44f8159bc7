import sys

from anthropic import Anthropic, BadRequestError, beta_tool

from read_file import *

client = Anthropic(base_url=URL, auth_token=TOKEN, api_key=None, max_retries=0)
TOOLS = [{"name": "read_file", "description": DESCRIPTION, "input_schema": PARAMETERS}]


def converse():
    content = [{"type": "text", "text": QUESTION}]
    if SCENARIO == "image":
        source = {"type": "base64", "media_type": "image/png", "data": picture()}
        content.append({"type": "image", "source": source})
    messages = [{"role": "user", "content": content}]
    for turn in range(4):
        options = {"thinking": {"type": "adaptive"}} if SCENARIO in ("thinking", "switch") else {}
        with client.messages.stream(
            model=model_of(turn), max_tokens=4000, messages=messages, tools=TOOLS, **options
        ) as stream:
            if SCENARIO == "cancel":
                next(iter(stream))
                stream.close()
                sys.exit()
            answer = stream.get_final_message()
        messages.append({"role": "assistant", "content": answer.content})
        print("".join(getattr(block, "text", "") for block in answer.content))
        calls = [block for block in answer.content if block.type == "tool_use"]
        if calls:
            results = [{"type": "tool_result", "tool_use_id": call.id, "content": read_file(**call.input)} for call in calls]
            messages.append({"role": "user", "content": results})
        else:
            if SCENARIO != "switch" or turn > 1:
                break
            messages.append({"role": "user", "content": SECOND_QUESTION})


def run_tools():
    """The SDK's own loop: it sends fields of betas, and does without them when they are refused."""

    @beta_tool
    def tool(path: str) -> str:
        """Reads a file.

        Args:
            path: the file
        """
        return read_file(path)

    tool.name = "read_file"
    runner = client.beta.messages.tool_runner(
        model=MODEL, max_tokens=4000, messages=[{"role": "user", "content": QUESTION}], tools=[tool]
    )
    for message in runner:
        print("".join(getattr(block, "text", "") for block in message.content))


try:
    if SCENARIO == "models":
        if any(model.id == MODEL for model in client.models.list()):
            print(UNDERSTOOD)
    elif SCENARIO == "count":
        messages = [{"role": "user", "content": QUESTION}]
        if client.messages.count_tokens(model=MODEL, messages=messages, tools=TOOLS).input_tokens > 10:
            print(UNDERSTOOD)
    elif SCENARIO == "tools":
        run_tools()
    else:
        converse()
except BadRequestError as error:
    if SCENARIO != "overflow" or "prompt is too long" not in str(error):
        raise
    print(UNDERSTOOD)
