/** What services come from, on a machine's network: a real registry that wants a login, and a repository over http. */
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { ensureHostTools } from '../../scripts/lib/host-tools.ts';
import { lanAddress, type Lan } from './lan.ts';
import { testDir } from './machine.ts';

export const registry = `${lanAddress}:5000`;
export const repositoryUrl = `http://${lanAddress}:8000`;
export const login = { username: 'corral', password: 'registry-secret' };
/** bcrypt of the password, as htpasswd makes it. */
const htpasswd = 'corral:$2y$05$TuyGAM9EwNOkDtWd1STZROgk.60t.ikuAZ1AXAkJ7j3XIzCWnsOfW\n';

const dir = resolve(testDir, 'service-lan');

/** Answers with an ETag, and 304 to who has it. */
const httpServer = `
const { createServer } = require('node:http');
const { readFileSync } = require('node:fs');
const { createHash } = require('node:crypto');
const [root, host, port] = process.argv.slice(1);
createServer((request, response) => {
  let body;
  try { body = readFileSync(root + '/' + request.url.replaceAll('..', '')); } catch { response.writeHead(404).end(); return; }
  const etag = '"' + createHash('md5').update(body).digest('hex') + '"';
  console.log(request.url, request.headers['if-none-match'] === etag ? 304 : 200);
  if (request.headers['if-none-match'] === etag) response.writeHead(304, { etag }).end();
  else response.writeHead(200, { etag }).end(body);
}).listen(Number(port), host);
`;

/** Before the registry: where the file `order` exists, the next long answer is broken off in its midst, and the file removed. */
const breakingProxy = `
const { createServer, connect } = require('node:net');
const { existsSync, rmSync } = require('node:fs');
const [host, from, to, order] = process.argv.slice(1);
createServer((client) => {
  const registry = connect(Number(to), host);
  let sent = 0;
  const end = () => { client.destroy(); registry.destroy(); };
  client.on('error', end).pipe(registry).on('error', end).on('end', () => { client.end(); });
  registry.on('data', (bytes) => {
    sent += bytes.length;
    if (sent > 2 ** 21 && existsSync(order)) { rmSync(order); console.log('broken off after', sent); end(); return; }
    if (!client.write(bytes)) { registry.pause(); client.once('drain', () => { registry.resume(); }); }
  });
}).listen(Number(from), host);
`;
const order = join(dir, 'break-off');

/** The registry's next answer of more than 2 MiB ends in its midst. */
export function breakOffNext(): void { writeFileSync(order, ''); }
export function hasBrokenOff(): boolean { return !existsSync(order); }

export type Server = ReturnType<Lan['serve']>;

export async function serveRegistry(lan: Lan): Promise<void> {
  await ensureHostTools([{ needs: 'docker-registry', from: 'docker-registry' }]);
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'htpasswd'), htpasswd);
  const config = join(dir, 'registry.yml');
  writeFileSync(config, JSON.stringify({
    version: '0.1', log: { level: 'warn' }, storage: { filesystem: { rootdirectory: join(dir, 'registry') }, delete: { enabled: true } },
    http: { addr: `${lanAddress}:5001` }, auth: { htpasswd: { realm: 'corral', path: join(dir, 'htpasswd') } },
  }));
  rmSync(order, { force: true });
  lan.serve('docker-registry', ['serve', config]);
  lan.serve(process.execPath, ['-e', breakingProxy, lanAddress, '5000', '5001', order]);
}

/** A repository in RancherOS's format, of these service files. */
export function serveRepository(lan: Lan, services: Readonly<Record<string, string>>): Server {
  const root = join(dir, 'repository');
  rmSync(root, { recursive: true, force: true });
  const write = (name: string, text: string): void => { mkdirSync(dirname(join(root, name)), { recursive: true }); writeFileSync(join(root, name), text); };
  write('index.yml', `services: [${Object.keys(services).join(', ')}]\nconsoles: []\nengines: []\n`);
  for (const [name, text] of Object.entries(services)) write(`${name.charAt(0)}/${name}.yml`, text);
  return lan.serve(process.execPath, ['-e', httpServer, root, lanAddress, '8000']);
}
