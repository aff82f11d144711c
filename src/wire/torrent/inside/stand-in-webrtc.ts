/** No peers of web pages: what the library asks for is not there, which it takes as "not supported". */
export const RTCPeerConnection = undefined;
export const RTCSessionDescription = undefined;
export const RTCIceCandidate = undefined;
