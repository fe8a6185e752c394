/** A root image as a cpio archive (newc), which the kernel unpacks beside the initramfs. Pure. */

const magic = '070701';
const regularFile = 0o100444;
const nameInRoot = 'root.img';

/** What stands before and behind the image's bytes. */
export function rootArchive(bytes: number): { readonly before: Buffer; readonly after: Buffer } {
  return {
    before: entry(nameInRoot, regularFile, bytes),
    after: Buffer.concat([Buffer.alloc(padding(bytes)), entry('TRAILER!!!', 0, 0)]),
  };
}

function entry(name: string, mode: number, bytes: number): Buffer {
  // inode, mode, uid, gid, links, mtime, size, four of devices, length of the name, check
  const fields = [1, mode, 0, 0, 1, 0, bytes, 0, 0, 0, 0, name.length + 1, 0].map((value) => value.toString(16).padStart(8, '0'));
  const head = `${magic}${fields.join('')}${name}\0`;
  return Buffer.from(head.padEnd(head.length + padding(head.length), '\0'), 'latin1');
}

function padding(bytes: number): number { return (4 - bytes % 4) % 4; }
