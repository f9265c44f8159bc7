import packageFile from "../../package.json";

/** The facts about the archives of a release that a formula and a flake contain. */
export interface PublishedArchives {
  version: string;
  /** The folder on the web. */
  url: string;
  /** SHA-256 in hexadecimal, by the name of the platform. */
  sums: ReadonlyMap<string, string>;
}

const archiveUrl = ({ url, version }: PublishedArchives, platform: string) =>
  `${url.replace(/\/$/, "")}/mcpctl-${version}-${platform}.tar.gz`;

/** The formula of Homebrew, for a tap: `Formula/mcpctl.rb`. */
export function homebrewFormula(release: PublishedArchives): string {
  const source = (platform: string) => {
    const sum = release.sums.get(platform);
    return sum === undefined
      ? undefined
      : `      url "${archiveUrl(release, platform)}"\n      sha256 "${sum}"`;
  };
  const block = (name: string, intel: string, arm: string) => {
    const parts = [
      ["on_intel", source(intel)],
      ["on_arm", source(arm)],
    ].filter(([, text]) => text !== undefined);
    const inner = parts.map(([on, text]) => `    ${on} do\n${text}\n    end`).join("\n");
    return inner === "" ? "" : `  ${name} do\n${inner}\n  end\n`;
  };
  return `# typed: false
# frozen_string_literal: true

class Mcpctl < Formula
  desc "Server for the LLMs, keys and MCP servers of a team, and its command-line"
  homepage "${release.url}"
  version "${release.version}"
  license "${packageFile.license}"

${block("on_macos", "darwin-x64", "darwin-arm64")}${block("on_linux", "linux-x64-baseline", "linux-arm64")}
  def install
    bin.install "mcpctl"
    man1.install Dir["man/man1/*.1"]
    bash_completion.install "completions/mcpctl.bash" => "mcpctl"
    zsh_completion.install "completions/_mcpctl"
    fish_completion.install "completions/mcpctl.fish"
    (lib/"mcpctl").mkpath
    (lib/"mcpctl/package").write "homebrew\\n"
  end

  service do
    run [opt_bin/"mcpctl", "server"]
    keep_alive true
    log_path var/"log/mcpctl.log"
    error_log_path var/"log/mcpctl.log"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/mcpctl --version")
  end
end
`;
}

/** The flake of Nix: the archives of the release, whose hashes are in it, so that it needs no lock of its own. */
export function nixFlake(release: PublishedArchives): string {
  const systems: Record<string, string> = {
    "x86_64-linux": "linux-x64-baseline",
    "aarch64-linux": "linux-arm64",
    "x86_64-darwin": "darwin-x64",
    "aarch64-darwin": "darwin-arm64",
  };
  const entries = Object.entries(systems).flatMap(([system, platform]) => {
    const sum = release.sums.get(platform);
    if (sum === undefined) return [];
    const hash = Buffer.from(sum, "hex").toString("base64");
    return [
      `      ${system} = {
        url = "${archiveUrl(release, platform)}";
        hash = "sha256-${hash}";
      };`,
    ];
  });
  return `{
  description = "mcpctl ${release.version}";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs = { self, nixpkgs }: let
    archives = {
${entries.join("\n")}
    };
    forEach = nixpkgs.lib.genAttrs (builtins.attrNames archives);
  in {
    packages = forEach (system: let pkgs = nixpkgs.legacyPackages.\${system}; in {
      default = pkgs.stdenv.mkDerivation {
        pname = "mcpctl";
        version = "${release.version}";
        src = pkgs.fetchurl archives.\${system};
        nativeBuildInputs = [ pkgs.installShellFiles ]
          ++ pkgs.lib.optional pkgs.stdenv.isLinux pkgs.autoPatchelfHook;
        # Bun keeps the program behind the end of the executable: stripping it would remove it.
        dontStrip = true;
        installPhase = ''
          install -Dm755 mcpctl $out/bin/mcpctl
          installManPage man/man1/*.1
          installShellCompletion --bash completions/mcpctl.bash --zsh completions/_mcpctl --fish completions/mcpctl.fish
          install -d $out/lib/mcpctl && echo nix > $out/lib/mcpctl/package
        '';
        meta = {
          description = "${packageFile.description}";
          license = pkgs.lib.licenses.asl20;
          mainProgram = "mcpctl";
        };
      };
    });
  };
}
`;
}
