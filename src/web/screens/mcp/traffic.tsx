import { useEffect, useState } from "preact/hooks";
import { type ApiError, shownError } from "../../api/client.ts";
import { follow } from "../../api/events.ts";
import { bytes } from "../../ui/format.ts";
import { Failure } from "../../ui/states.tsx";
import { Time } from "../../ui/time.tsx";

interface Message {
  seq: number;
  at: string;
  from: "client" | "server";
  user: string | null;
  token: string | null;
  bytes: number;
  client?: string;
  body?: string;
}

/** Messages that are kept to be shown. */
const most = 200;

/** The messages of a project's MCP clients, as they come. */
export function Traffic({ project, mode }: { project: string; mode: string }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <section class="panel">
      <header>
        <h3>Messages</h3>
        <button type="button" class="button slim" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
          {isOpen ? "Hide" : "Follow"}
        </button>
      </header>
      {mode === "off" && (
        <p class="quiet small empty">
          The project keeps no messages. To see them:{" "}
          <code>mcpctl patch project {project} traffic=metadata</code>
        </p>
      )}
      {isOpen && <Messages project={project} />}
    </section>
  );
}

function Messages({ project }: { project: string }) {
  const [messages, setMessages] = useState<Message[]>([]);
  const [error, setError] = useState<ApiError>();
  useEffect(
    () =>
      follow({
        path: () => `/api/v1/projects/${encodeURIComponent(project)}/traffic`,
        onOpen: () => setMessages([]),
        onEvent({ event, data }) {
          if (event === "message") setMessages((old) => [JSON.parse(data), ...old.slice(0, most - 1)]);
        },
        onError: (thrown) => setError(shownError(thrown)),
      }),
    [project],
  );
  if (error && error.code !== "unreachable")
    return (
      <div class="body">
        <Failure error={error} />
      </div>
    );
  if (messages.length === 0) return <p class="quiet small empty">No message yet.</p>;
  return (
    <ul class="plain-list">
      {messages.map((message) => (
        <li key={message.seq}>
          <Time at={message.at} as="clock" />
          <span class="mono small">
            {message.from === "client" ? "from" : "to"} {message.client ?? "the client"}
          </span>
          <span class="quiet small">
            {message.user} {message.token}, {bytes(message.bytes)}
          </span>
          {message.body && (
            <details>
              <summary>Body</summary>
              <pre class="pre">{message.body}</pre>
            </details>
          )}
        </li>
      ))}
    </ul>
  );
}
