import { acceptedContent, inputRequired, type ServerContext } from "@modelcontextprotocol/server";
import { png } from "./everything-resources.ts";
import { elicit } from "./everything-tools.ts";

const required = (name: string) => ({ name, description: `The ${name}`, required: true });

export const prompts = [
  { name: "test_simple_prompt", description: "One text" },
  {
    name: "test_prompt_with_arguments",
    description: "A text with both arguments",
    arguments: [required("arg1"), required("arg2")],
  },
  {
    name: "test_prompt_with_embedded_resource",
    description: "A resource and a text",
    arguments: [required("resourceUri")],
  },
  { name: "test_prompt_with_image", description: "A picture and a text" },
  { name: "test_input_required_result_prompt", description: "Asks for something first" },
];

const user = <T>(content: T) => ({ role: "user" as const, content });
const text = (words: string) => user({ type: "text" as const, text: words });

/** Returns the messages of a prompt, or asks for what it needs. */
export function getPrompt(name: string, given: Record<string, string>, { mcpReq }: ServerContext) {
  switch (name) {
    case "test_prompt_with_arguments":
      return { messages: [text(`The arguments are '${given["arg1"]}' and '${given["arg2"]}'`)] };
    case "test_prompt_with_embedded_resource": {
      const resource = { uri: given["resourceUri"]!, mimeType: "text/plain", text: "embedded" };
      return { messages: [user({ type: "resource" as const, resource }), text("Read this.")] };
    }
    case "test_prompt_with_image":
      return {
        messages: [user({ type: "image" as const, data: png, mimeType: "image/png" }), text("Look at it.")],
      };
    case "test_input_required_result_prompt": {
      const answer = acceptedContent(mcpReq.inputResponses, "user_context");
      if (!answer)
        return inputRequired({ inputRequests: { user_context: elicit("What is it about?", "context") } });
      return { messages: [text(`It is about ${answer["context"]}`)] };
    }
    default:
      return { messages: [text("A simple prompt.")] };
  }
}
