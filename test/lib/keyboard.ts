/** Types on a machine's keyboard, the one that belongs to its screen (tty1). */
import type { Vm } from '../../scripts/qemu.ts';

export async function typeOnKeyboard(vm: Vm, text: string): Promise<void> {
  const qmp = await vm.qmp();
  for (const key of text) {
    const names = key === '>' ? ['shift', 'dot'] : [{ '\n': 'ret', ' ': 'spc', '-': 'minus' }[key] ?? key];
    await qmp.execute('send-key', { keys: names.map((data) => ({ type: 'qcode', data })), 'hold-time': 20 });
  }
}
