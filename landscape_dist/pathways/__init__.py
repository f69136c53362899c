"""The pathway map: points and arrows as a graph, routes over transition states, export."""
