import { readFileSync } from "node:fs";

/** The command for each family of distributions, by the ids in /etc/os-release. */
const BY_DISTRIBUTION: readonly (readonly [ids: RegExp, command: string])[] = [
  [/^(debian|ubuntu)$/, "apt-get install -y redis-server"],
  [/^(fedora|rhel|centos)$/, "dnf install -y valkey"],
  [/^alpine$/, "apk add valkey"],
  [/^arch$/, "pacman -S --noconfirm valkey"],
  [/^(opensuse|suse)$/, "zypper install -y valkey"],
  [/^nixos$/, "nix-env -iA nixos.valkey"],
];

function linuxCommand(osRelease: string): string | undefined {
  const ids = [...osRelease.matchAll(/^ID(?:_LIKE)?=(.*)$/gm)].flatMap(([, value = ""]) =>
    value.replaceAll(/["']/g, "").split(/[\s-]/),
  );
  return BY_DISTRIBUTION.find(([known]) => ids.some((id) => known.test(id)))?.[1];
}

function readOsRelease(): string {
  try {
    return readFileSync("/etc/os-release", "utf8");
  } catch {
    return "";
  }
}

/** What to do if no server was found: one line, with the command for this platform. */
export function installHint(
  platform: NodeJS.Platform = process.platform,
  osRelease: string = readOsRelease(),
): string {
  const commands: Partial<Record<NodeJS.Platform, string | undefined>> = {
    darwin: "brew install valkey",
    win32: "winget install Memurai.MemuraiDeveloper",
    freebsd: "pkg install -y valkey",
    linux: linuxCommand(osRelease),
  };
  const command = commands[platform];
  return command === undefined
    ? "no Redis found: install Valkey or Redis 6.2 or later, or set REDIS_URL"
    : `no Redis found: run \`${command}\`, or set REDIS_URL`;
}
