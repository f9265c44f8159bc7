import { AppError } from "../../errors.ts";

/** Settings of traces from the OTEL_ variables: the collector, and the calls that are traced. */
export interface TraceSettings {
  url: URL;
  headers: Readonly<Record<string, string>>;
  serviceName: string;
  /** Attributes of the server, from OTEL_RESOURCE_ATTRIBUTES. */
  resource: Readonly<Record<string, string>>;
  sampler: Sampler;
}

export interface Sampler {
  /** True if the caller decides for calls with a `traceparent`. */
  followsParent: boolean;
  /** The part of the other calls that is traced, from 0 to 1. */
  ratio: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the variables of opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables. Returns undefined if
 * they name no collector, or switch traces off.
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

/** Returns the endpoint of traces, or the endpoint of all signals with the path of traces; undefined without either. */
function endpoint(own: string | undefined, general: string | undefined): URL | undefined {
  const name = own === undefined ? "OTEL_EXPORTER_OTLP_ENDPOINT" : "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
  const text = own ?? (general && `${general.replace(/\/+$/, "")}/v1/traces`);
  if (text === undefined) return undefined;
  // The error does not quote the URL, which may have a password.
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

/** Parses a list of pairs: `a=1,b=x%20y` becomes `{a: "1", b: "x y"}`. */
function pairs(name: string, text = ""): Record<string, string> {
  const entries = text.split(",").map((pair): [string, string] | undefined => {
    if (pair.trim() === "") return undefined;
    const equals = pair.indexOf("=");
    const key = pair.slice(0, equals).trim();
    const value = decoded(pair.slice(equals + 1).trim());
    // The error does not quote the value, which may have credentials.
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
    : new AppError("usage", "OTEL_TRACES_SAMPLER has an unknown value", {
        hint: "use always_on, always_off or traceidratio, also with parentbased_ before it",
      });
}
