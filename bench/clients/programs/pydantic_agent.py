from pydantic_ai import Agent, BinaryContent
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider

from read_file import *


def chat_model(name: str):
    if DIALECT == "messages":
        return AnthropicModel(name, provider=AnthropicProvider(base_url=URL, api_key=TOKEN))
    kind = OpenAIResponsesModel if DIALECT == "responses" else OpenAIChatModel
    return kind(name, provider=OpenAIProvider(base_url=f"{URL}/v1", api_key=TOKEN))


agent = Agent(tools=[read_file])
prompt = [QUESTION]
if SCENARIO == "image":
    with open("picture.png", "rb") as file:
        prompt.append(BinaryContent(file.read(), media_type="image/png"))
result = agent.run_sync(prompt, model=chat_model(MODEL))
print(result.output)
if SCENARIO == "switch":
    print(agent.run_sync(SECOND_QUESTION, model=chat_model(OTHER_MODEL), message_history=result.all_messages()).output)
