import { useState } from "preact/hooks";
import { useLoaded } from "../../api/lists.ts";
import { CodeBlock } from "../../ui/code-block.tsx";
import { SelectField } from "../../ui/fields.tsx";
import { bytes } from "../../ui/format.ts";
import { Command } from "../../ui/source.tsx";
import { Failure, Show } from "../../ui/states.tsx";
import { Time } from "../../ui/time.tsx";
import { clientNames, configurationOf } from "./client-texts.ts";

interface VersionAnswer {
  version: string;
  commit: string;
  date: string;
  bun: string;
  urls: string[];
}

interface StatusAnswer {
  database: { kind: string; bytes?: number; logBytes?: number; freeBytes?: number };
  connections?: { open: number };
  replicas?: string[];
  backups?: {
    lastAt: string | null;
    name: string | null;
    failedAt: string | null;
    reason: string | null;
    nextAt: string | null;
  };
}

/** The server itself, and the configuration of programs that use it. */
export function Settings() {
  const version = useLoaded<VersionAnswer>("/api/v1/version", 0);
  const status = useLoaded<StatusAnswer>("/api/v1/status");
  return (
    <>
      <div class="head">
        <h1>Settings</h1>
      </div>
      <div class="stack">
        <Clients />
        <div class="columns">
          <section class="panel">
            <header>
              <h2>Server</h2>
            </header>
            <Show of={version}>
              {({ version: number, commit, date, urls }) => (
                <div class="body">
                  <dl class="facts">
                    <dt>Version</dt>
                    <dd>
                      {number} <span class="quiet">({commit})</span>
                    </dd>
                    <dt>Built</dt>
                    <dd>{date === "dev" ? "from source" : <Time at={date} />}</dd>
                    <dt>Addresses</dt>
                    <dd>
                      {urls.map((url) => (
                        <div key={url} class="mono">
                          {url}
                        </div>
                      ))}
                    </dd>
                    <dt>Connection</dt>
                    <dd>
                      {location.protocol === "https:"
                        ? "This page came over TLS. Your browser shows the certificate beside the address."
                        : "This page came without TLS: on a network, everybody on the way can read it."}
                    </dd>
                  </dl>
                  <Command text="mcpctl version --check" />
                </div>
              )}
            </Show>
          </section>
          <section class="panel">
            <header>
              <h2>Backups and database</h2>
            </header>
            <Show of={status}>{(value) => <Database status={value} />}</Show>
          </section>
          <section class="panel">
            <header>
              <h2>Metrics</h2>
            </header>
            <div class="body">
              <p>Prometheus reads them here, with a token that may view metrics:</p>
              <CodeBlock text={`${location.origin}/metrics`} />
              <Command text="mcpctl create token prometheus --bind role:view,resource:metrics" />
            </div>
          </section>
        </div>
      </div>
    </>
  );
}

function Database({ status: { database, backups, replicas, connections } }: { status: StatusAnswer }) {
  return (
    <div class="body">
      {backups?.failedAt && (
        <div class="note bad">
          <strong>
            The last backup failed <Time at={backups.failedAt} as="ago" />
          </strong>
          <span>{backups.reason}</span>
        </div>
      )}
      <dl class="facts">
        <dt>Database</dt>
        <dd>
          {database.kind === "sqlite" ? "SQLite" : "PostgreSQL"}, {bytes(database.bytes)}
          {database.freeBytes !== undefined && `, ${bytes(database.freeBytes)} free on its disk`}
        </dd>
        {replicas && (
          <>
            <dt>Servers on it</dt>
            <dd>{replicas.join(", ")}</dd>
          </>
        )}
        <dt>Connections</dt>
        <dd>{connections?.open ?? "not known"}</dd>
        <dt>Last backup</dt>
        <dd>
          {backups ? (
            <>
              <Time at={backups.lastAt} as="ago" /> {backups.name}
            </>
          ) : (
            "the server makes none by itself: start it with --backup-dir"
          )}
        </dd>
        {backups?.nextAt && (
          <>
            <dt>Next</dt>
            <dd>
              <Time at={backups.nextAt} as="ago" />
            </dd>
          </>
        )}
      </dl>
      <Command text="mcpctl backup mcpctl-backup.tar" />
    </div>
  );
}

/** The settings to paste into a program, with the address of this server. */
function Clients() {
  const models = useLoaded<{ data: { id: string }[] }>("/v1/models", 0);
  const projects = useLoaded<{ id: string; name: string }[]>("/api/v1/projects", 0);
  const [client, setClient] = useState(clientNames[0]!);
  const [model, setModel] = useState("");
  const [project, setProject] = useState("");
  const names = models.value?.data.map(({ id }) => id) ?? [];
  const chosen = model || names[0] || "MODEL";
  const { steps, command } = configurationOf(client, {
    origin: location.origin,
    model: chosen,
    project: project || undefined,
  });
  return (
    <section class="panel">
      <header>
        <h2>Let a program use this server</h2>
      </header>
      <div class="body">
        {models.error && models.error.code !== "unreachable" && <Failure error={models.error} />}
        <div class="columns narrow">
          <SelectField
            label="Program"
            value={client}
            onValue={setClient}
            options={clientNames.map((one) => [one, one] as const)}
          />
          <SelectField
            label="Model"
            value={chosen}
            onValue={setModel}
            options={(names.length > 0 ? names : [chosen]).map((one) => [one, one] as const)}
          />
          <SelectField
            label="MCP servers of"
            value={project}
            onValue={setProject}
            options={[["", "no project"], ...(projects.value ?? []).map(({ name }) => [name, name] as const)]}
          />
        </div>
        {steps.map(({ title, text }) => (
          <div class="field" key={title}>
            <span class="label">{title}</span>
            <CodeBlock text={text} />
          </div>
        ))}
        <p class="quiet small">
          TOKEN is a token that you make under Access. Each program gets one of its own.
        </p>
        {command && <Command text={command} />}
      </div>
    </section>
  );
}
