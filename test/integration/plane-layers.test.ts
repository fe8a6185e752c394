/** Layers that the user plane has written, read by the machine's root, and the other way round: real overlays, in a user namespace and outside of one. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compileProgram } from '../../scripts/lib/programs.ts';

const scratch = mkdtempSync(join(tmpdir(), 'plane-layers-'));
let program: string;

/** `plane SCRIPT` as the plane's root, `host SCRIPT` as the machine's; both with the overlay of two layers in $M, whose lower one has dir/old. */
const setUp = `
set -eu
D=$SCRATCH/data M=$SCRATCH/data/overlay2/up/merged
mkdir -p $D; mount -t tmpfs tmpfs $D
mkdir -p $D/overlay2/low/diff/dir $D/overlay2/up/diff $D/overlay2/up/work $M
: >$D/overlay2/low/diff/dir/old
chown -R 100000:100000 $D
with() { echo "mount -t overlay overlay -o $1index=off,lowerdir=$D/overlay2/low/diff,upperdir=$D/overlay2/up/diff,workdir=$D/overlay2/up/work $M && cd $M && $2"; }
host() { unshare --mount sh -euc "$(with '' "$1")"; }
rm -f $SCRATCH/ready; mkfifo $SCRATCH/ready
unshare --user --mount sh -c "echo >$SCRATCH/ready; exec sleep 100" >&2 &
holder=$!
read -r _ <$SCRATCH/ready || true
echo "0 100000 65536" >/proc/$holder/uid_map; echo "0 100000 65536" >/proc/$holder/gid_map
plane() { nsenter --target $holder --user --mount --setuid 0 --setgid 0 unshare --mount sh -euc "$(with userxattr, "$1")"; }
trap 'kill $holder' EXIT
`;

function run(script: string): string {
  writeFileSync(join(scratch, 'script'), `${setUp}${script}`);
  return execFileSync('unshare', ['--mount', '--propagation', 'private', 'sh', join(scratch, 'script')], { env: { ...process.env, SCRATCH: scratch, LAYERS: program }, encoding: 'utf8', timeout: 60_000 });
}

beforeAll(async () => {
  chmodSync(scratch, 0o711); // the plane's root has to get there
  program = await compileProgram(join(import.meta.dirname, '../../image/programs/plane-layers.c'), scratch);
});
afterAll(() => { rmSync(scratch, { recursive: true }); });

describe('a folder that was deleted and made anew', () => {
  const anew = 'rm -r dir && mkdir dir && : >dir/new';

  test('by the plane is what it was for the machine\'s root once the layers are carried over, and not before', () => {
    const said = run(`plane '${anew}'; host 'echo before: $(ls dir)'; $LAYERS host $D/overlay2 $D/containerd; host 'echo after: $(ls dir)'; $LAYERS host $D/overlay2`);
    expect(said.split('\n')).toEqual([
      'before: new old', expect.stringMatching(/^plane-layers: 1 of \d+ directories marked for isolation host$/), 'after: new', expect.stringMatching(/^plane-layers: 0 of/), '',
    ]);
  });

  test('by the machine\'s root is what it was for the plane', () => {
    const said = run(`chmod 777 $D/overlay2/up/diff; host '${anew}'; chown -R 100000:100000 $D; plane 'echo before: $(ls dir)'; $LAYERS plane $D/overlay2; plane 'echo after: $(ls dir); : >dir/more'`);
    expect(said.split('\n').filter((line) => !line.startsWith('plane-layers'))).toEqual(['before: new old', 'after: new', '']);
  });

  test('is not looked for beyond a link', () => {
    const said = run(`plane '${anew}'; mkdir $D/other; ln -s $D/overlay2 $D/other/link; $LAYERS host $D/other; ! $LAYERS host $D/other/link 2>/dev/null; host 'echo $(ls dir)'`);
    expect(said.split('\n').at(-2)).toBe('new old');
  });
});
