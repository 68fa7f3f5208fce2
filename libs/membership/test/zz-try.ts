import { formedCluster, range, addressOf, MiniNetwork } from "./mini-network.ts";
for (const n of [3, 5, 10, 20, 30, 50]) {
  for (const loss of [0, 0.05]) {
  const seeds = n > 20 ? 2 : 6;
  const det: number[] = []; const conv: number[] = []; let idle = 0, falseF = 0;
  const t0 = performance.now();
  for (let seed = 1; seed <= seeds; seed++) {
    const net = formedCluster(n, { seed, loss });
    conv.push(net.now - 1000);
    net.run(20_000);
    const b0 = net.sentBytes; const c0=net.now; net.run(30_000); idle += (net.sentBytes - b0) / n / 30 / seeds;
    falseF += net.nodes.flatMap((x) => x.changes).filter((c) => c.status === "failed").length;
    net.kill(n);
    det.push(net.runUntil("dead known", 60_000, () => net.allSee([n], "failed")));
  }
  det.sort((a, b) => a - b);
  console.log(n, loss, "converge", conv.map(Math.round).join(","), "detect", det.map(Math.round).join(","), "idle B/s", Math.round(idle), "false", falseF, "cpu", Math.round(performance.now() - t0));
  }
}
