/** Returns the text for programs and people without a browser: the base URLs that clients need. */
export function welcome(request: Request): Response {
  const { origin } = new URL(request.url);
  const text = `This is an mcpctl server.

Base URL of OpenAI's clients:    ${origin}/v1
Base URL of Anthropic's clients: ${origin}
Key of both:                     a token, from: mcpctl create token NAME --bind role:run,resource:llms
API of mcpctl:                   ${origin}/api/v1, described at ${origin}/openapi.json
`;
  return new Response(text, { headers: { "content-type": "text/plain; charset=utf-8", vary: "accept" } });
}
