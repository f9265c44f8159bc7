import { type BuiltInTemplate, credential, optional, required, variable } from "./define.ts";

/** The versions of Python that a package runs on, where many distributions have an older one: uv finds it, or gets it. */
function python(range: string) {
  return { name: "UV_PYTHON", value: range };
}

/** The first start downloads the drivers of many databases and compiles some of them. */
const largePackage = { startSeconds: 300 };

/** Servers for databases, machines and online services. */
export const services: readonly BuiltInTemplate[] = [
  {
    name: "postgres",
    description: "Ask a PostgreSQL database; needs Node.js 22.5 or newer",
    parameters: [credential("URL", "The address: postgres://user:password@host:5432/database")],
    server: {
      package: "npm:@bytebase/dbhub@1.4.0",
      ...largePackage,
      args: ["--transport", "stdio"],
      env: [variable("DSN", "URL")],
    },
  },
  {
    name: "sqlite",
    description: "Ask an SQLite database on the server's host; needs Node.js 22.5 or newer",
    parameters: [
      required("FOLDER", "The folder of the database on the server's host, as an absolute path"),
      required("FILE", "The name of its file"),
    ],
    server: {
      package: "npm:@bytebase/dbhub@1.4.0",
      ...largePackage,
      args: ["--transport", "stdio", "--dsn", "sqlite://${FOLDER}/${FILE}"],
      hostPaths: { write: ["${FOLDER}"] },
    },
  },
  {
    name: "mongodb",
    description: "Ask a MongoDB database, without changing it",
    parameters: [credential("URL", "The address: mongodb://user:password@host:27017/database")],
    server: {
      package: "npm:mongodb-mcp-server@3.0.4",
      ...largePackage,
      args: ["--readOnly"],
      env: [variable("MDB_MCP_CONNECTION_STRING", "URL")],
    },
  },
  {
    name: "docker",
    description:
      "Containers, images and networks of the Docker on the server's host. Whoever uses it is root on that host",
    parameters: [optional("SOCKET", "The socket of Docker, as an absolute path", "/var/run/docker.sock")],
    server: {
      package: "pypi:mcp-server-docker==0.3.0",
      env: [{ name: "DOCKER_HOST", value: "unix://${SOCKET}" }, python(">=3.12,<3.15")],
      hostPaths: { write: ["${SOCKET}"] },
    },
  },
  {
    name: "kubernetes",
    description: "Look at a Kubernetes cluster, without changing it",
    parameters: [
      required("KUBECONFIG", "The file for the cluster on the server's host, as an absolute path"),
    ],
    server: {
      package: "npm:kubernetes-mcp-server@0.0.67",
      args: ["--read-only", "--kubeconfig", "${KUBECONFIG}"],
      hostPaths: { read: ["${KUBECONFIG}"] },
    },
  },
  {
    name: "grafana",
    description: "Dashboards, metrics, logs and alerts of a Grafana",
    parameters: [
      required("URL", "The address of Grafana: http://grafana.lan:3000"),
      credential("TOKEN", "The token of a service account of Grafana"),
    ],
    server: {
      package: "pypi:mcp-grafana==2.1.1",
      env: [variable("GRAFANA_URL", "URL"), variable("GRAFANA_SERVICE_ACCOUNT_TOKEN", "TOKEN")],
    },
  },
  {
    name: "home-assistant",
    description: "Look at and control a home with Home Assistant",
    parameters: [
      required("URL", "The address of Home Assistant: http://homeassistant.local:8123"),
      credential("TOKEN", "A long-lived access token of Home Assistant"),
    ],
    server: {
      package: "pypi:ha-mcp==8.7.0",
      env: [
        variable("HOMEASSISTANT_URL", "URL"),
        variable("HOMEASSISTANT_TOKEN", "TOKEN"),
        python(">=3.13,<3.15"),
      ],
    },
  },
  {
    name: "github",
    description: "Repositories, issues and pull requests on GitHub",
    parameters: [credential("TOKEN", "A personal access token of GitHub")],
    server: {
      package: "npm:@modelcontextprotocol/server-github@2025.4.8",
      env: [variable("GITHUB_PERSONAL_ACCESS_TOKEN", "TOKEN")],
    },
  },
  {
    name: "gitlab",
    description: "Repositories, issues and merge requests on GitLab",
    parameters: [
      credential("TOKEN", "A personal access token of GitLab"),
      optional("URL", "The address of its API", "https://gitlab.com/api/v4"),
    ],
    server: {
      package: "npm:@zereight/mcp-gitlab@2.1.64",
      env: [variable("GITLAB_PERSONAL_ACCESS_TOKEN", "TOKEN"), variable("GITLAB_API_URL", "URL")],
    },
  },
  {
    name: "sentry",
    description: "Errors and performance of programs in Sentry",
    parameters: [credential("TOKEN", "A user auth token of Sentry")],
    server: { package: "npm:@sentry/mcp-server@0.39.0", env: [variable("SENTRY_ACCESS_TOKEN", "TOKEN")] },
  },
  {
    name: "notion",
    description: "Pages and databases in Notion",
    parameters: [credential("TOKEN", "The secret of an internal integration of Notion")],
    server: { package: "npm:@notionhq/notion-mcp-server@2.5.2", env: [variable("NOTION_TOKEN", "TOKEN")] },
  },
  {
    name: "slack",
    description: "Channels and messages in Slack",
    parameters: [credential("TOKEN", "The token of a bot in Slack: xoxb-…")],
    server: {
      package: "npm:slack-mcp-server@1.3.0",
      args: ["--transport", "stdio"],
      env: [variable("SLACK_MCP_XOXB_TOKEN", "TOKEN")],
    },
  },
  {
    name: "linear",
    description: "Issues and projects in Linear, by its own server",
    parameters: [credential("AUTHORIZATION", "The word Bearer, a space and an API key of Linear")],
    server: {
      url: "https://mcp.linear.app/mcp",
      headers: [variable("Authorization", "AUTHORIZATION")],
    },
  },
];
