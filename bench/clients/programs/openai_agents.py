import agents

from read_file import *

agents.set_tracing_disabled(True)
agents.set_default_openai_client(agents.AsyncOpenAI(base_url=f"{URL}/v1", api_key=TOKEN, max_retries=0))
agents.set_default_openai_api("responses" if DIALECT == "responses" else "chat_completions")


def agent(model: str):
    settings = agents.ModelSettings(store=False)
    return agents.Agent(name="reader", model=model, model_settings=settings, tools=[agents.function_tool(read_file)])


content = QUESTION
if SCENARIO == "image":
    image = {"type": "input_image", "image_url": f"data:image/png;base64,{picture()}", "detail": "auto"}
    content = [{"role": "user", "content": [{"type": "input_text", "text": QUESTION}, image]}]
result = agents.Runner.run_sync(agent(MODEL), content)
print(result.final_output)
if SCENARIO == "switch":
    history = result.to_input_list() + [{"role": "user", "content": SECOND_QUESTION}]
    print(agents.Runner.run_sync(agent(OTHER_MODEL), history).final_output)
