/* draw.js - numbers -> the two pictures of the page: what flows, and who has how much from whom. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
"use strict";

/* A colour of the style sheet. */
function colour(name) {
	return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
}

/* The canvas as sharp as the screen, empty; its size is in CSS pixels. */
function begin_picture(canvas) {
	const scale = window.devicePixelRatio || 1, box = canvas.getBoundingClientRect();
	const pen = canvas.getContext("2d");

	canvas.width = Math.max(1, Math.round(box.width * scale));
	canvas.height = Math.max(1, Math.round(box.height * scale));
	pen.setTransform(scale, 0, 0, scale, 0, 0);
	pen.font = "11px system-ui, sans-serif";
	return { pen, width: box.width, height: box.height };
}

/* "94 MB/s" */
function rate_words(rate) {
	if (rate < 0)
		return "";
	if (rate >= 1e9)
		return (rate / 1e9).toFixed(1) + " GB/s";
	return rate >= 1e6 ? (rate / 1e6).toFixed(rate >= 1e7 ? 0 : 1) + " MB/s" : Math.round(rate / 1000) + " KB/s";
}

/* Bytes a second, one sample a second, the newest at the right. */
function draw_plot(canvas, samples) {
	const { pen, width, height } = begin_picture(canvas);
	const most = Math.max(1, ...samples), step = width / Math.max(1, samples.length - 1);

	pen.strokeStyle = colour("line");
	pen.fillStyle = colour("dim");
	for (const part of [0.5, 1]) {
		const y = height - (height - 14) * part;

		pen.beginPath();
		pen.moveTo(0, y);
		pen.lineTo(width, y);
		pen.stroke();
		if (most > 1)
			pen.fillText(rate_words(most * part), 2, y - 3);
	}
	pen.beginPath();
	pen.moveTo(0, height);
	samples.forEach((rate, i) => pen.lineTo(i * step, height - (height - 14) * rate / most));
	pen.lineTo(width, height);
	pen.closePath();
	pen.globalAlpha = 0.25;
	pen.fillStyle = colour("run");
	pen.fill();
	pen.globalAlpha = 1;
	pen.strokeStyle = colour("run");
	pen.stroke();
}

/* [node, depth] from the head down, each node before those that fetch from it. Whoever fetches from nobody that is
 * known, or in a circle, fetches from the head. */
function chain_order(nodes) {
	const by_address = new Map(nodes.map(node => [node.address, node])), children = new Map([["head", []]]);
	const order = [], seen = new Set();
	const parent_of = node => by_address.has(node.parent) && node.parent !== node.address ? node.parent : "head";
	const visit = root => {
		const left = [[root, 0]];

		while (left.length) {
			const [node, depth] = left.pop();

			if (seen.has(node))
				continue;
			seen.add(node);
			order.push([node, depth]);
			for (const child of (children.get(node.address) || []).slice().reverse())
				left.push([child, depth + 1]);
		}
	};

	for (const node of nodes) {
		if (!children.has(parent_of(node)))
			children.set(parent_of(node), []);
		children.get(parent_of(node)).push(node);
	}
	children.get("head").forEach(visit);
	nodes.forEach(visit);
	return order;
}

/* Where each node stands: a tree by its levels, a long chain as a snake. [{node, x, y}] in parts of the whole. */
function chain_places(order, wide) {
	const depth = order.reduce((most, [, d]) => Math.max(most, d), 0);
	const columns = Math.max(1, Math.ceil(Math.sqrt(order.length * wide)));
	const rows = Math.ceil(order.length / columns);
	const used = [];

	if (depth > 0 && depth <= 8) {
		const levels = Array(depth + 1).fill(0);

		order.forEach(([, d]) => levels[d]++);
		return order.map(([node, d]) => {
			used[d] = (used[d] || 0) + 1;
			return { node, x: (d + 0.5) / (depth + 1), y: (used[d] - 0.5) / levels[d] };
		});
	}
	return order.map(([node], i) => {
		const row = Math.floor(i / columns), at = i % columns, back = row % 2 && depth > 0;

		return { node, x: ((back ? columns - 1 - at : at) + 0.5) / columns, y: (row + 0.5) / rows };
	});
}

function node_colour(node) {
	if (node.phase === "failed")
		return colour("bad");
	if (node.silent || node.slow || node.suspect)
		return colour("warn");
	return node.phase === "up" || node.chain_state === "done" ? colour("up") : colour("run");
}

/* Each node a box, filled as far as its bytes are; lines where bytes flow. Returns the boxes, for clicks. */
function draw_chain(canvas, nodes) {
	const { pen, width, height } = begin_picture(canvas);
	const chain = nodes.some(node => node.parent), places = chain_places(chain_order(nodes), width / height);
	const cell = Math.sqrt(width * height / Math.max(1, places.length));
	const size = Math.max(3, Math.min(34, cell * 0.62)), at = new Map();

	for (const place of places) {
		place.x *= width;
		place.y *= height;
		at.set(place.node.address, place);
	}
	pen.strokeStyle = colour("wait");
	for (const { node, x, y } of chain ? places : []) {
		const from = at.get(node.parent);

		if (!from)
			continue;
		pen.beginPath();
		pen.moveTo(from.x, from.y);
		pen.lineTo(x, y);
		pen.stroke();
	}
	return places.map(({ node, x, y }) => {
		const box = { node, x: x - size / 2, y: y - size / 2, size };
		const part = node.phase === "up" || node.phase === "starts" ? 1 : Math.max(0, node.percent) / 100;

		pen.fillStyle = colour("line");
		pen.fillRect(box.x, box.y, size, size);
		pen.fillStyle = node_colour(node);
		pen.fillRect(box.x, box.y + size * (1 - part), size, size * part);
		if (node.phase === "failed" || node.silent || node.slow || node.suspect) {
			pen.strokeStyle = node_colour(node);
			pen.lineWidth = 2;
			pen.strokeRect(box.x, box.y, size, size);
			pen.lineWidth = 1;
		}
		return box;
	});
}
