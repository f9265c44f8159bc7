import { useEffect, useRef, useState } from "preact/hooks";
import { type ApiError, request, shownError } from "../../api/client.ts";
import { follow } from "../../api/events.ts";
import { type ApiObject, useLoaded } from "../../api/lists.ts";
import { ObjectButtons } from "../../objects/object-dialog.tsx";
import { Command } from "../../objects/source.tsx";
import { useAction } from "../../ui/action.tsx";
import { Badge } from "../../ui/badge.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { Failure, Show } from "../../ui/states.tsx";
import { Time } from "../../ui/time.tsx";
import { toast } from "../../ui/toasts.tsx";
import { commandOf } from "../../ui/yaml.ts";
import type { ShownServer } from "./shown-server.ts";

interface ShownInstance extends ApiObject {
  server: string;
  status: string;
  error: string | null;
  memoryMb: number | null;
  startedAt: string | null;
}

/** One MCP server: what is to know about it, its programs, and what they write. */
export function ServerDialog({ server, onClose }: { server: ShownServer; onClose: () => void }) {
  const { name, conditions } = server;
  const instances = useLoaded<ShownInstance[]>("/api/v1/instances", 3000);
  const action = useAction();
  const restart = ({ id, name: instance }: ShownInstance) =>
    action.run(async () => {
      await request(`/api/v1/instances/${encodeURIComponent(id)}`, { method: "DELETE" });
      toast(`${instance} starts again`);
      instances.reload();
    });
  return (
    <Dialog title={name} onClose={onClose}>
      {server.description && <p>{server.description}</p>}
      {conditions.map(({ type, message }) => (
        <div key={type} class="note warn">
          <strong>{type}</strong>
          <span>{message}</span>
        </div>
      ))}
      <dl class="facts">
        <dt>Status</dt>
        <dd>
          <Badge state={server.status} />
        </dd>
        <dt>Source</dt>
        <dd class="mono">{server.source}</dd>
        <dt>Sandbox</dt>
        <dd>{server.isolation ?? "not started yet"}</dd>
        <dt>Tools</dt>
        <dd>{server.toolCount}</dd>
      </dl>
      {action.error && <Failure error={action.error} />}
      <section class="panel">
        <header>
          <h3>Programs</h3>
        </header>
        <Show of={instances}>
          {(all) => {
            const own = all.filter((one) => one.server === name);
            if (own.length === 0) return <p class="quiet empty small">None is running; a call starts one.</p>;
            return (
              <ul class="plain-list">
                {own.map((instance) => (
                  <li key={instance.id}>
                    <span>{instance.name}</span>
                    <Badge state={instance.status} />
                    <span class="quiet small">
                      {instance.memoryMb !== null && `${instance.memoryMb} MB, `}started{" "}
                      <Time at={instance.startedAt} as="ago" />
                    </span>
                    {instance.error && <span class="small">{instance.error}</span>}
                    <button
                      type="button"
                      class="button slim"
                      disabled={action.isBusy}
                      onClick={() => restart(instance)}
                    >
                      Restart
                    </button>
                  </li>
                ))}
              </ul>
            );
          }}
        </Show>
      </section>
      <Logs server={server} />
      <div class="row">
        <ObjectButtons
          kind="server"
          plural="servers"
          object={server}
          question="Its programs stop, and projects lose its tools."
          onGone={onClose}
          withForm
        />
      </div>
      <Command text={commandOf("logs", name, "-f")} />
    </Dialog>
  );
}

/** Lines that are kept to be shown. */
const mostLines = 500;

interface LogLine {
  at: string;
  instance: string;
  stream: string;
  text: string;
}

/** The output of the programs, followed as it comes. */
function Logs({ server: { id } }: { server: ShownServer }) {
  const [lines, setLines] = useState<LogLine[]>([]);
  const [error, setError] = useState<ApiError>();
  const place = useRef<HTMLPreElement>(null);
  useEffect(
    () =>
      follow({
        path: () => `/api/v1/servers/${encodeURIComponent(id)}/logs?tail=200&follow=1`,
        onOpen: () => setLines([]),
        onEvent({ event, data }) {
          if (event === "line") setLines((old) => [...old.slice(1 - mostLines), JSON.parse(data)]);
        },
        onError: (thrown) => setError(shownError(thrown)),
      }),
    [id],
  );
  // biome-ignore lint/correctness/useExhaustiveDependencies: new lines scroll.
  useEffect(() => {
    place.current?.scrollTo(0, place.current.scrollHeight);
  }, [lines]);
  if (error?.code === "forbidden") return null;
  return (
    <section class="field">
      <h3>Log</h3>
      {error && error.code !== "unreachable" && <Failure error={error} />}
      <div class="code">
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a text that scrolls is reached by keyboard. */}
        <pre ref={place} tabIndex={0} class="log">
          {lines.length === 0
            ? "Nothing was written yet."
            : lines
                .map(({ at, instance, text }) => `${new Date(at).toLocaleTimeString()} ${instance} ${text}\n`)
                .join("")}
        </pre>
      </div>
    </section>
  );
}
