import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { createGeminiCli } from "../adapters/gemini-cli/index.ts";
import { createOutbound } from "../net/outbound.ts";
import { systemTime } from "../time.ts";
import { Backups } from "./backups/backups.ts";
import { scheduleComponent } from "./backups/schedule.ts";
import { Cluster } from "./cluster/cluster.ts";
import { clusterComponent } from "./cluster/component.ts";
import { clockOfLeases } from "./cluster/process-identity.ts";
import { Passwords } from "./core/access/passwords.ts";
import { Quotas } from "./core/access/quotas.ts";
import { BodyBudget, registerBodyGauges } from "./core/body-budget.ts";
import { catalogueComponent } from "./core/catalogue/component.ts";
import { Resources } from "./core/catalogue/resources.ts";
import { Deadlines } from "./core/deadlines.ts";
import type { Random } from "./core/ids.ts";
import { closable, type Lifecycle } from "./core/lifecycle.ts";
import { OpenStreams } from "./core/open-streams.ts";
import { pulseComponent } from "./core/pulse.ts";
import { redact } from "./core/redact.ts";
import { storeComponent } from "./core/store/component.ts";
import { upkeepComponent } from "./core/upkeep.ts";
import { SealedOrigins } from "./inference/answers/sealed-origins.ts";
import { CallMetrics } from "./inference/call-metrics.ts";
import { Inference } from "./inference/inference.ts";
import { Limiter } from "./inference/limits/limiter.ts";
import { askPersonaOf } from "./inference/personas/tools/ask-persona.ts";
import { ToolCalls } from "./inference/personas/tools/tool-calls.ts";
import { callTaskWith } from "./inference/tasks/call-task.ts";
import { taskServices } from "./inference/tasks/component.ts";
import { Threads } from "./inference/threads/threads.ts";
import { oauthServer } from "./mcp/clients/component.ts";
import { mcpComponent } from "./mcp/component.ts";
import { Programs } from "./mcp/instances/programs.ts";
import type { AccessLog } from "./observability/access-log.ts";
import { auditComponent } from "./observability/component.ts";
import { measureLoopDelay } from "./observability/loop-delay.ts";
import { returnMemory } from "./observability/memory-return.ts";
import { Metrics } from "./observability/metrics.ts";
import { registerProcessGauges } from "./observability/process-gauges.ts";
import { openTracer } from "./observability/tracer.ts";
import type { ServerOptions } from "./options.ts";
import { secretsComponent, secretUpkeepComponent } from "./secrets/component.ts";
import { ProviderSessions } from "./workstations/provider-sessions.ts";
import { Workstations } from "./workstations/workstations.ts";

/** Values that all services share, besides the options of the server. */
export interface ServiceContext {
  now(): number;
  /** A monotonic clock, in milliseconds. */
  elapsed(): number;
  random: Random;
  /** Makes an id for a request, or for work that the server does by itself. */
  requestId(): string;
  accessLog: AccessLog | undefined;
  /** True for a URL that leads to this server. */
  isSelf(url: URL): boolean;
  /** Gets errors that no caller can be told. */
  onError(error: unknown): void;
}

/**
 * Starts everything behind the listeners. Components start in the order in which they stand here, and close in the
 * opposite order: each closes before the ones that it uses.
 */
export async function startServices(lifecycle: Lifecycle, options: ServerOptions, context: ServiceContext) {
  const { store, keyFile, commands, traces, pace, log, proxyFor } = options;
  const { now, elapsed, random, requestId, accessLog, isSelf, onError } = context;
  const metrics = new Metrics();
  registerProcessGauges(metrics);

  await lifecycle.start(storeComponent(store, metrics));
  const pulse = await lifecycle.start(pulseComponent());
  measureLoopDelay(pulse, metrics);
  returnMemory(pulse);
  const catalogue = await lifecycle.start(catalogueComponent({ store, now, random, onError }));
  const secretServices = await lifecycle.start(
    secretsComponent({ catalogue, keyFile, isSelf, proxyFor, now, elapsed, random, log, gauges: metrics }),
  );
  const quotas = new Quotas(options.quotas);
  const passwords = new Passwords(options.passwordCost);
  const resources = new Resources(
    catalogue,
    { ...secretServices, quotas, passwords, snapshot: () => catalogue.snapshot, isSelf, now, random },
    onError,
  );
  const secretUpkeep = await lifecycle.start(
    secretUpkeepComponent({ ...secretServices, catalogue, resources, now, requestId, log }),
  );
  const outbound = await lifecycle.start(closable("outbound", () => createOutbound({ isSelf, proxyFor })));
  const publicOutbound = await lifecycle.start(
    closable("public outbound", () => createOutbound({ isSelf, proxyFor, network: "public" })),
  );
  const privateOutbound = await lifecycle.start(
    closable("private outbound", () => createOutbound({ isSelf, proxyFor, network: "private" })),
  );
  const gemini =
    commands &&
    (await lifecycle.start(
      closable("gemini", () => createGeminiCli({ ...commands, redact, now, randomId: randomUUID })),
    ));
  const tracer =
    traces &&
    (await lifecycle.start(
      closable("tracer", () => openTracer(traces, { outbound, metrics, log, random, now, elapsed })),
    ));
  const upkeep = await lifecycle.start(upkeepComponent({ catalogue, now, elapsed }));
  const sessions = await lifecycle.start(
    closable("sessions", () =>
      ProviderSessions.open({ catalogue, now, elapsed, random, quotas, requestId, onError }),
    ),
  );
  const limits = new Limiter(catalogue, now, elapsed);
  await lifecycle.start({ name: "limits", start: () => limits.load() });
  const audit = await lifecycle.start(auditComponent(store, accessLog, metrics));

  const node = options.node ?? hostname();
  const schedule =
    options.backups &&
    (await lifecycle.start(
      scheduleComponent({ store, settings: options.backups, node, now, elapsed, log, gauges: metrics }),
    ));
  const backups = Backups.open({
    catalogue,
    audit,
    folder: options.scratchFolder,
    hasMasterKey: (id) => secretServices.masterKey.ring?.find(id) !== undefined,
    afterRestore: () => limits.load(),
    now,
    random,
  });

  const deadlines = new Deadlines();
  const bodies = new BodyBudget(deadlines, options.bodies);
  const answers = new BodyBudget(deadlines, options.bodies);
  registerBodyGauges(metrics, { request: bodies, answer: answers });
  const streams = new OpenStreams(catalogue, now);
  const workstations = new Workstations({ catalogue, sessions, deadlines, bodies, now, elapsed, random });
  const time = options.time ?? systemTime;
  const cluster =
    store.cluster &&
    (await lifecycle.start(
      clusterComponent(
        new Cluster({
          store: store.cluster,
          ...(options.leaseTimes && { times: options.leaseTimes }),
          catalogue,
          name: node,
          runsPrograms: options.programs !== undefined,
          clock: options.elapsed ?? clockOfLeases(elapsed),
          time,
          now,
          random,
          onError,
        }),
      ),
    ));
  const threads = new Threads({ store, snapshot: () => catalogue.snapshot, quotas, now, random });
  const sealed = new SealedOrigins(elapsed);
  const inference = new Inference({
    sealed,
    catalogue,
    secrets: secretServices.secrets,
    audit,
    limits,
    metrics: new CallMetrics(metrics),
    streams,
    deadlines,
    outbound,
    virtualLlms: cluster?.attachLlms(workstations) ?? workstations,
    answers,
    ...(tracer && { tracer }),
    ...(gemini && { gemini }),
    ...(pace && { pace }),
    now,
  });
  const askPersona = askPersonaOf({ catalogue, inference, toolCalls: () => toolCalls });
  const mcp = await lifecycle.start(
    mcpComponent({
      catalogue,
      requestId,
      resources,
      audit,
      metrics,
      streams,
      deadlines,
      answers,
      quotas,
      outbound,
      publicOutbound,
      privateOutbound,
      backends: secretServices.backends,
      secretWrites: secretServices.secretWrites,
      publicUrls: options.publicUrls,
      workstations,
      infer: (call) => inference.call(call),
      askPersona,
      readSecret: (secret) => secretServices.secrets.read(secret),
      programs: options.programs && new Programs(options.programs),
      node,
      time,
      ...(cluster && { cluster }),
      now,
      elapsed,
      random,
      onError,
    }),
  );
  const clients = oauthServer({ catalogue, quotas, audit, publicOutbound, now, elapsed, random });
  const toolCalls: ToolCalls = new ToolCalls({
    inference,
    catalogue,
    streams,
    deadlines,
    answers,
    tools: mcp.tools,
    now,
    elapsed,
  });
  const tasks = taskServices({
    catalogue,
    quotas,
    callTask: callTaskWith({ catalogue, inference, toolCalls: () => toolCalls }),
    nodeId: cluster && (() => cluster.nodeId),
    longest: options.tick,
    requestId,
    now,
    elapsed,
    random,
    onError,
  });
  return {
    ...secretServices,
    secretUpkeep,
    tasks,
    catalogue,
    resources,
    quotas,
    passwords,
    metrics,
    pulse,
    upkeep,
    sessions,
    limits,
    audit,
    backups,
    schedule,
    deadlines,
    bodies,
    streams,
    workstations,
    threads,
    inference,
    sealed,
    toolCalls,
    mcp,
    clients,
    cluster,
    node,
  };
}
