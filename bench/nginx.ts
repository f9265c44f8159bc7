import { writeFileSync } from "node:fs";
import type { Processes, Started } from "./processes.ts";

/** True if nginx can be started on this machine. */
export function hasNginx(): boolean {
  return Bun.which("nginx", { PATH: nginxPath }) !== null;
}

/** Distributions put it where not everybody looks. */
const nginxPath = `${process.env["PATH"]}:/usr/sbin:/usr/local/sbin`;

/** An nginx that answers every call with the same JSON: as fast an upstream as there is. */
export function startNginxUpstream(
  processes: Processes,
  name: string,
  port: number,
  answer: string,
): Promise<Started> {
  return start(
    processes,
    name,
    port,
    `location / { default_type application/json; return 200 '${answer}'; }`,
  );
}

/**
 * The baseline: an nginx that passes everything on over kept connections, and does nothing else.
 *
 * @param log the file of a line for each request: the address that it was sent to, the status and the id of its response,
 *   each `-` where there is none
 */
export function startNginxProxy(
  processes: Processes,
  name: string,
  port: number,
  upstreamPort: number,
  log?: string,
): Promise<Started> {
  return start(
    processes,
    name,
    port,
    `location / {
      proxy_pass http://upstream;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host localhost;
      proxy_buffering off;
    }`,
    `upstream upstream { server 127.0.0.1:${upstreamPort}; keepalive 1024; keepalive_requests 100000000; }
    ${log === undefined ? "" : `log_format passed '$upstream_addr $upstream_status $upstream_http_x_request_id'; access_log ${log} passed;`}`,
  );
}

/** One process: the server it is compared with has one thread for requests too, and it cannot leave orphans. */
function start(
  processes: Processes,
  name: string,
  port: number,
  location: string,
  upstream = "",
): Promise<Started> {
  const prefix = processes.folder(name);
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (kind) => `${kind}_temp_path ${prefix}/${kind};`,
  );
  const config = `
    daemon off;
    master_process off;
    pid ${prefix}/nginx.pid;
    error_log stderr error;
    events { worker_connections 4096; }
    http {
      ${upstream.includes("access_log") ? "" : "access_log off;"}
      ${temporary.join(" ")}
      keepalive_timeout 300s;
      keepalive_requests 100000000;
      ${upstream}
      server { listen 127.0.0.1:${port} backlog=4096; ${location} }
    }`;
  writeFileSync(`${prefix}/nginx.conf`, config);
  const binary = Bun.which("nginx", { PATH: nginxPath })!;
  return processes.startServer(
    name,
    [binary, "-e", "stderr", "-p", prefix, "-c", `${prefix}/nginx.conf`],
    port,
  );
}
