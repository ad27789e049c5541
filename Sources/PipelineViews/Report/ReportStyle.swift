/// How the report looks, in light and in dark.
let reportStyle: StaticString = """
    :root{color-scheme:light dark;--ground:#fff;--panel:#f6f8fa;--ink:#1f2328;--faint:#59636e;--line:#d1d9e0;
    --good:#1a7f37;--good-soft:#dafbe1;--kept:#0969da;--kept-soft:#ddf4ff;--bad:#cf222e;--bad-soft:#ffebe9;
    --live:#9a6700;--live-soft:#fff8c5;--ended:#8250df;--ended-soft:#fbefff;--none:#818b98;--none-soft:#f0f2f4}
    @media (prefers-color-scheme:dark){:root{--ground:#0d1117;--panel:#151b23;--ink:#f0f6fc;--faint:#9198a1;--line:#3d444d;
    --good:#3fb950;--good-soft:#12361d;--kept:#4493f8;--kept-soft:#10294a;--bad:#f85149;--bad-soft:#4a1519;
    --live:#d29922;--live-soft:#3a2c08;--ended:#ab7df8;--ended-soft:#2c1a4d;--none:#7d8590;--none-soft:#1c2129}}
    *{box-sizing:border-box}
    body{margin:0 auto;max-width:1180px;padding:28px 24px;background:var(--ground);color:var(--ink);
    font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
    h1{font-size:26px;margin:0 0 10px;overflow-wrap:anywhere}h2{font-size:18px;margin:34px 0 10px}h3{font-size:15px;margin:22px 0 8px}
    code,pre,.values td,.values th{font-family:ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:.88em}
    a{color:var(--kept)}td code{white-space:nowrap}
    .badge{font-size:14px;font-weight:600;padding:3px 11px;border-radius:99px;vertical-align:4px;white-space:nowrap}
    .counts{list-style:none;display:flex;flex-wrap:wrap;gap:8px;padding:0;margin:14px 0}
    .counts li{padding:2px 10px;border-radius:6px;font-weight:600;font-size:14px}
    .good{color:var(--good);background:var(--good-soft)}.kept{color:var(--kept);background:var(--kept-soft)}
    .bad{color:var(--bad);background:var(--bad-soft)}.live{color:var(--live);background:var(--live-soft)}
    .ended{color:var(--ended);background:var(--ended-soft)}.none{color:var(--faint);background:var(--none-soft)}
    .note{white-space:pre-wrap;color:var(--faint);margin:0 0 10px}
    .reason{margin:8px 0;padding:9px 13px;border-left:4px solid var(--bad);background:var(--bad-soft);overflow-wrap:anywhere}
    .facts{display:flex;flex-wrap:wrap;gap:10px 30px;margin:16px 0 0}.facts dt{font-size:12px;color:var(--faint)}
    .facts dd{margin:0;font-weight:600;overflow-wrap:anywhere}
    .scroll{overflow-x:auto;border:1px solid var(--line);border-radius:8px;background:var(--panel)}
    .scroll>svg{display:block;margin:0 auto}
    table{border-collapse:collapse;width:100%;font-size:14px}caption{text-align:left;color:var(--faint);padding:8px 12px}
    th,td{text-align:left;vertical-align:top;padding:7px 12px;border-top:1px solid var(--line);overflow-wrap:anywhere}
    thead th{border-top:0;font-size:12px;color:var(--faint);font-weight:600;white-space:nowrap}
    tbody th{font-weight:600;min-width:12em}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
    .state{display:inline-block;padding:0 8px;border-radius:5px;font-weight:600;font-size:13px;white-space:nowrap}
    .pairs{font-size:13px;color:var(--faint);min-width:9em}.pairs b{font-weight:500;color:var(--ink)}
    .why{min-width:13em;font-size:13px}tr.best{background:var(--good-soft)}.star{color:var(--good);font-weight:700;white-space:nowrap}
    .values{width:auto}.values th{color:var(--faint)}.more{color:var(--faint)}
    pre{margin:8px 0;padding:14px;border:1px solid var(--line);border-radius:8px;background:var(--panel);overflow:auto;line-height:1.45}
    summary{cursor:pointer;color:var(--faint)}footer{margin-top:44px;color:var(--faint);font-size:13px}
    .t-name{fill:var(--ink);font-size:12px}.t-tick{fill:var(--faint);font-size:11px}.t-line{stroke:var(--line)}
    .t-gap{stroke:var(--none);stroke-dasharray:2 3}.t-wait{fill:var(--none);opacity:.35}.t-good{fill:var(--good)}.t-kept{fill:var(--kept)}.t-bad{fill:var(--bad)}
    .t-live{fill:var(--live)}.t-ended{fill:var(--ended)}.t-none{fill:var(--none)}
    @media print{body{max-width:none}.scroll{overflow:visible}}

    """
