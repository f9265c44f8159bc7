import { AppError } from "../../errors.ts";

/** Where spans go, and of which calls: what the OTEL_ variables say. */
export interface TraceSettings {
  url: URL;
  headers: Readonly<Record<string, string>>;
  serviceName: string;
  /** Attributes of the server, from OTEL_RESOURCE_ATTRIBUTES. */
  resource: Readonly<Record<string, string>>;
  sampler: Sampler;
}

export interface Sampler {
  /** Whether a caller that says whether it is traced decides. */
  followsParent: boolean;
  /** Of the others, how many are traced: 0 none, 1 all. */
  ratio: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the variables of opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables; undefined where no
 * collector is named, or tracing is off.
 *
 * @throws AppError `usage` that names the variable
 */
export function traceSettings(env: Environment): TraceSettings | undefined {
  const of = (name: string) => env[name] || undefined;
  if (of("OTEL_SDK_DISABLED")?.toLowerCase() === "true" || of("OTEL_TRACES_EXPORTER") === "none")
    return undefined;
  const url = endpoint(of("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"), of("OTEL_EXPORTER_OTLP_ENDPOINT"));
  if (!url) return undefined;
  const headers = pairs(
    "OTEL_EXPORTER_OTLP_HEADERS",
    of("OTEL_EXPORTER_OTLP_TRACES_HEADERS") ?? of("OTEL_EXPORTER_OTLP_HEADERS"),
  );
  const resource = pairs("OTEL_RESOURCE_ATTRIBUTES", of("OTEL_RESOURCE_ATTRIBUTES"));
  return {
    url,
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
    serviceName: of("OTEL_SERVICE_NAME") ?? resource["service.name"] ?? "mcpctl",
    resource,
    sampler: samplerOf(of("OTEL_TRACES_SAMPLER") ?? "parentbased_always_on", of("OTEL_TRACES_SAMPLER_ARG")),
  };
}

/** That of traces as it stands; behind the one of all signals comes the path of traces. */
function endpoint(own: string | undefined, general: string | undefined): URL | undefined {
  const name = own === undefined ? "OTEL_EXPORTER_OTLP_ENDPOINT" : "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
  const text = own ?? (general && `${general.replace(/\/+$/, "")}/v1/traces`);
  if (text === undefined) return undefined;
  // Without its text: a password may stand in it.
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol))
    throw new AppError("usage", `${name} is not an http or https URL`, {
      hint: "for example http://localhost:4318",
    });
  const url = new URL(text);
  if (url.username !== "" || url.password !== "")
    throw new AppError("usage", `${name} holds a user or password`, {
      hint: "credentials go into OTEL_EXPORTER_OTLP_HEADERS",
    });
  return url;
}

/** `a=1,b=x%20y` → `{a: "1", b: "x y"}`. */
function pairs(name: string, text = ""): Record<string, string> {
  const entries = text.split(",").map((pair): [string, string] | undefined => {
    if (pair.trim() === "") return undefined;
    const equals = pair.indexOf("=");
    const key = pair.slice(0, equals).trim();
    const value = decoded(pair.slice(equals + 1).trim());
    // Without its text: credentials stand here.
    if (equals < 1 || value === undefined || /[\r\n\0]/.test(value) || !/^[\w!#$%&'*+.^`|~-]+$/.test(key))
      throw new AppError("usage", `${name} is not a list of key=value, separated by commas`);
    return [key, value];
  });
  return Object.fromEntries(entries.filter((entry) => entry !== undefined));
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function samplerOf(name: string, argument: string | undefined): Sampler {
  const followsParent = name.startsWith("parentbased_");
  const root = name.replace(/^parentbased_/, "");
  if (root === "always_on") return { followsParent, ratio: 1 };
  if (root === "always_off") return { followsParent, ratio: 0 };
  const ratio = Number(argument ?? 1);
  if (root === "traceidratio" && ratio >= 0 && ratio <= 1) return { followsParent, ratio };
  throw root === "traceidratio"
    ? new AppError("usage", "OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1")
    : new AppError("usage", "OTEL_TRACES_SAMPLER is none that is known", {
        hint: "always_on, always_off, traceidratio, or parentbased_ before one of them",
      });
}
